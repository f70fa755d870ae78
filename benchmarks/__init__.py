"""Speed and memory, as ratios between the plain way of doing something and Garaza's, measured in the same run."""
