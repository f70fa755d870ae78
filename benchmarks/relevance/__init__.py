"""How well searches find what was meant: judged questions over the sample catalogue, and what is counted of answers."""
