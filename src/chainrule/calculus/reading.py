"""Nodes read as sums of terms, inputs first: sums, products, quotients and powers are taken apart, all else is one
factor. Every term is settled as it is made: identities and equal factors meet, laws are applied, and scalar parts
such as xᵀ x become factors of their own, so that they cancel against their like.
"""

from collections.abc import Container, Iterable, Sequence

from chainrule.algebra.entrywise import POWER_OP
from chainrule.algebra.node import Node, topological
from chainrule.algebra.signature import FLOAT64, FLOATS
from chainrule.calculus.facts import Facts
from chainrule.calculus.function_laws import FUNCTION_LAWS
from chainrule.calculus.laws import SUMS, TERM_LAWS
from chainrule.calculus.readings import READINGS
from chainrule.calculus.rewrite import remake
from chainrule.calculus.shortest import Shortest
from chainrule.calculus.terms import (
    Factor,
    Sum,
    Term,
    alone,
    collected,
    components,
    is_eye,
    number_of,
    size_factor,
)

MOST_TERMS, MOST_FACTORS = 48, 24


class Reader:
    """Terms of nodes, and the shortest node of each; both are found once."""

    def __init__(
        self, facts: Facts, given: Iterable[Node] = (), opened: Container[str] = (), *, complements: bool = False
    ) -> None:
        self.facts = facts
        self.dtype = FLOAT64
        self.given = set(given)
        self.opened = opened
        self.complements = complements
        self.could_open: set[str] = set()
        self.symmetric: set[int] = set()
        self.shortest = Shortest(self)
        self._terms: dict[Node, Sum] = {}
        self._best: dict[Node, Node] = {}
        self._plain: dict[Node, Node] = {}
        self._known_symmetric: dict[Node, bool] = {}

    def terms(self, node: Node) -> Sum:
        """The terms of a node of real numbers."""
        if node not in self._terms:
            for below in topological([node]):
                if below not in self._terms and below not in self._best:
                    self.visit(below)
        return self._terms[node]

    def has_read(self, node: Node) -> bool:
        """Whether a node has been met."""
        return node in self._terms

    def best(self, node: Node) -> Node:
        """The shortest form of a node."""
        if node not in self._best:
            if node.dtype not in FLOATS:
                for below in topological([node]):
                    if below not in self._terms and below not in self._best:
                        self.visit(below)
                return self._best[node]
            terms = self.terms(node)
            self._know(node, self.shortest.node(terms, node, self._remade(node), keep=node in self.given))
        return self._best[node]

    def _remade(self, node: Node) -> Node:
        """The node as it was put together, with what the laws of functions made of the parts."""
        if node not in self._plain:
            self._plain[node] = remake(node, [self._plain.get(i, i) for i in node.inputs])
        return self._plain[node]

    def settle_as(self, node: Node) -> None:
        """Take a node as it is, whole and in its shortest form."""
        self._best[node] = self._plain[node] = node
        self._terms[node] = (alone(node),)

    def stand_for(self, node: Node, written: Node) -> None:
        """Let a node be written in another way where it is put together."""
        self._plain[node] = written

    def whole(self, node: Node, power: float = 1.0) -> Term:
        """The term that is the shortest form of a node as one factor."""
        best = self.best(node)
        self.is_symmetric(best)
        return alone(best, power)

    def _know(self, node: Node, best: Node) -> None:
        self._best[node] = self._best[best] = best
        self._terms.setdefault(best, self._terms[node])

    def visit(self, node: Node) -> None:
        """Read one node whose inputs have been read."""
        if node.dtype not in FLOATS:
            best = remake(node, [self.best(i) for i in node.inputs])
            for law in FUNCTION_LAWS.get(best.op.name, ()):
                changed = law.apply(self, best)
                best = best if changed is None else changed
            self._best[node] = self._best[best] = self._plain[node] = self._plain[best] = best
            return
        rule = READINGS.get(node.op.name)
        found = rule(self, node) if rule else None
        terms = self._whole(node) if found is None else self.settled(found, node.ndim)
        if found is not None:
            self._remade(node)
        self._terms[node] = terms
        if len(terms) > MOST_TERMS or any(len(t.factors) > MOST_FACTORS for t in terms):
            best = self.best(node)
            self._terms[node] = self._terms[best] = (alone(best),)

    def _whole(self, node: Node) -> Sum:
        """A node that is no sum or product: one factor, after the laws of its function."""
        from_best = remake(node, [self.best(i) for i in node.inputs]) if node.inputs else node
        for law in FUNCTION_LAWS.get(from_best.op.name, ()):
            changed = law.apply(self, from_best)
            if changed is not None:
                found = self.terms(changed)
                self._plain[node] = self._plain[changed]
                return found
        self._plain[node] = self._plain[from_best] = from_best
        if from_best is not node and from_best in self._terms:
            return self._terms[from_best]
        self._best[node] = self._best[from_best] = from_best
        self._terms[from_best] = (alone(from_best),)
        self.is_symmetric(from_best)
        return self._terms[from_best]

    # ── terms made canonical ──────────────────────────────────────────────────────────────────────────

    def settled(self, terms: Iterable[Term], out: int) -> Sum:
        """The terms with every law applied, equal ones collected."""
        done: list[Term] = []
        waiting = list(terms)[::-1]
        while waiting:
            term = self._tidied(waiting.pop(), out)
            if term.number == 0:
                continue
            changed = self._lawful(term, out)
            if changed is None:
                done.append(self._closed(term, out))
            else:
                waiting.extend(reversed(changed))
        for law in SUMS:
            changed_sum = law.apply(self, collected(done, self.symmetric), out)
            if changed_sum is not None:
                return self.settled(changed_sum, out)
        return collected(done, self.symmetric)

    def _lawful(self, term: Term, out: int) -> Sequence[Term] | None:
        for k, factor in enumerate(term.factors):
            for law in TERM_LAWS.get(factor.base.op.name, ()):
                changed = law.apply(self, term, k, out)
                if changed is not None:
                    return changed
        return None

    def _tidied(self, term: Term, out: int) -> Term:
        """Identities taken out, equal factors joined, letters that are left nowhere counted."""
        term = self._joined(self._without_eyes(term, out))
        held = term.letters()
        number, sums = term.number, dict(term.sums)
        extra: list[Factor] = []
        for c in [c for c in sums if c not in held]:
            factor, more = size_factor(sums.pop(c), self.dtype)
            number, extra = number * factor, [*extra, *more]
        if len(sums) == len(term.sums):
            return term
        return self._joined(Term(number, (*term.factors, *extra), sums))

    def _without_eyes(self, term: Term, out: int) -> Term:
        k = 0
        while k < len(term.factors):
            f = term.factors[k]
            if not is_eye(f.base):
                k += 1
                continue
            a, b = f.letters
            gone, kept = (b, a) if b in term.sums else (a, b)
            if a == b:
                term = term.without(k)
            elif gone in term.sums:
                term = term.without(k).renamed({gone: kept})
                if kept < out:
                    term = term._replace(sums={c: x for c, x in term.sums.items() if c != kept})
            else:
                low, high = min(a, b), max(a, b)
                rest = term.without(k).renamed({high: low})
                if rest.factors != term.without(k).factors or f.letters != (low, high) or f.power != 1:
                    eye = Factor(f.base, (low, high))
                    term = rest._replace(factors=(*rest.factors[:k], eye, *rest.factors[k:]))
                    k = 0 if rest.factors != term.factors else k
                k += 1
                continue
            k = 0
        return term

    def _joined(self, term: Term) -> Term:
        powers: dict[tuple[Node, tuple[int, ...]], float] = {}
        for f in term.factors:
            letters = tuple(sorted(f.letters)) if id(f.base) in self.symmetric else f.letters
            powers[f.base, letters] = powers.get((f.base, letters), 0.0) + f.power
        factors = tuple(Factor(base, letters, p) for (base, letters), p in powers.items() if p != 0)
        eyes = tuple(f._replace(power=1.0) if is_eye(f.base) else f for f in factors)
        return term if eyes == term.factors else term._replace(factors=eyes)

    def _closed(self, term: Term, out: int) -> Term:
        """The term with each of its scalar parts, such as xᵀ x or tr(A B), as one factor."""
        inner = [group for group, open_ in components(term, out) if not open_]
        if not inner:
            return term
        number, rest = term.number, term.without(*(k for group in inner for k in group))
        factors = list(rest.factors)
        for group in inner:
            part = Term(1.0, tuple(term.factors[k] for k in group), {})
            part = part._replace(sums={c: a for c, a in term.sums.items() if c in part.letters()})
            node = self.shortest.scalar(part)
            self._terms.setdefault(node, (Term(1.0, (Factor(node, ()),), {}),))
            self._best.setdefault(node, node)
            for scale, base, power in _scalar_parts(self, node):
                number *= scale
                factors.append(Factor(base, (), power))
        kept = {c for f in factors for c in f.letters}
        return self._joined(Term(number, tuple(factors), {c: a for c, a in term.sums.items() if c in kept}))

    def is_symmetric(self, node: Node) -> bool:
        """Whether a square matrix equals its transpose, by its form and the facts."""
        if node.ndim != 2 or node.shape[0] != node.shape[1] or node.dtype not in FLOATS:
            return False
        if node not in self._known_symmetric:
            self._known_symmetric[node] = False  # while it is being found
            self._known_symmetric[node] = self._found_symmetric(node)
            if self._known_symmetric[node]:
                self.symmetric.add(id(node))
        return self._known_symmetric[node]

    def _found_symmetric(self, node: Node) -> bool:
        if not node.inputs:
            return self.facts.holds("symmetric", node)
        if node.op.name in ("inv",) or (node.op.entrywise and len(node.inputs) == 1):
            return self.is_symmetric(self.best(node.inputs[0]))
        terms = self.terms(node)
        if len(terms) == 1 and terms[0].factors == alone(node).factors:
            return node.op.name == "diagonal" or is_eye(node)
        turned = [t.renamed({0: 1, 1: 0}) for t in terms]
        return not collected([*terms, *(t._replace(number=-t.number) for t in turned)], self.symmetric)


def _scalar_parts(reader: Reader, node: Node) -> list[tuple[float, Node, float]]:
    """A scalar node as number, bases and powers: ‖x‖² is known as the power of a norm."""
    if node.op is POWER_OP and (p := number_of(node.inputs[1])) is not None:
        return [(1.0, node.inputs[0], p)]
    return [(1.0, node, 1.0)]
