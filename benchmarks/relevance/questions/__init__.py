"""All judged questions."""

from benchmarks.relevance.questions import looks, needs, things, words

QUESTIONS = (*things.QUESTIONS, *looks.QUESTIONS, *needs.QUESTIONS, *words.QUESTIONS)
