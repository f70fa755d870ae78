"""Finding products: by meaning, by words and by what they are."""
