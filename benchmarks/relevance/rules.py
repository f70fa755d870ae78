"""What a judge says of a product: rules over what is true of it, not over the words of its listing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from garaza.furniture.products import Product
from tools.sample_catalogue.facts import Facts


@dataclass(frozen=True, slots=True)
class Rule:
    """Holds of a product, or doesn't."""

    holds: Callable[[Product, Facts], bool]

    def __and__(self, other: Rule) -> Rule:
        return Rule(lambda product, facts: self.holds(product, facts) and other.holds(product, facts))

    def __or__(self, other: Rule) -> Rule:
        return Rule(lambda product, facts: self.holds(product, facts) or other.holds(product, facts))

    def __invert__(self) -> Rule:
        return Rule(lambda product, facts: not self.holds(product, facts))


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody types, and who gets which grade: the best that holds; what has none is wrong."""

    sort: str
    text: str
    grades: Mapping[int, Rule]
    """3: exactly that. 2: would do. 1: near it."""

    def grade(self, product: Product, facts: Facts) -> int:
        return next(
            (grade for grade in (3, 2, 1) if grade in self.grades and self.grades[grade].holds(product, facts)), 0
        )


def kind(*keys: str) -> Rule:
    return Rule(lambda _, facts: facts.kind in keys)


def style(*keys: str) -> Rule:
    return Rule(lambda _, facts: facts.style in keys)


def use(*keys: str) -> Rule:
    """It was made with one of these purposes in mind."""
    return Rule(lambda _, facts: not facts.uses.isdisjoint(keys))


def has(*keys: str) -> Rule:
    """All of these features."""
    return Rule(lambda _, facts: facts.features.issuperset(keys))


def can(*keys: str) -> Rule:
    """One of these features."""
    return Rule(lambda _, facts: not facts.features.isdisjoint(keys))


def made(*keys: str) -> Rule:
    """One of these materials, wherever on it."""
    return Rule(lambda _, facts: not set(facts.materials).isdisjoint(keys))


def mostly(*keys: str) -> Rule:
    """What one sees most is of one of these materials."""
    return Rule(lambda _, facts: facts.materials[0] in keys)


def shade(*names: str) -> Rule:
    return Rule(lambda _, facts: facts.shade in names)


def color(*families: str) -> Rule:
    """What one sees most has one of these colours."""
    return Rule(lambda product, _: bool(product.colors) and product.colors[0] in families)


def natural() -> Rule:
    """As its material is, unpainted."""
    return Rule(lambda _, facts: facts.shade in {"", "natural"})


def size(*labels: str) -> Rule:
    return Rule(lambda _, facts: any(label in facts.size for label in labels))


def brand(*names: str) -> Rule:
    return Rule(lambda product, _: product.brand in names)


def width(least: float = 0, most: float = 9999) -> Rule:
    """As its listing says: nobody can rely on what it doesn't say."""
    return Rule(lambda product, _: product.width_cm is not None and least <= product.width_cm <= most)


def depth(least: float = 0, most: float = 9999) -> Rule:
    return Rule(lambda product, _: product.depth_cm is not None and least <= product.depth_cm <= most)


def height(least: float = 0, most: float = 9999) -> Rule:
    return Rule(lambda product, _: product.height_cm is not None and least <= product.height_cm <= most)


def cost(least: float = 0, most: float = 9999) -> Rule:
    return Rule(lambda product, _: product.price_minor is not None and least <= product.price_minor / 100 <= most)
