"""A catalogue of made-up furniture, for as long as nobody has imported one of their own.

Made by `python -m tools.sample_catalogue` in the repository; its brands don't exist.
"""

from garaza.furniture.sample.catalogue import forget, picture, products, vectors

__all__ = ["forget", "picture", "products", "vectors"]
