"""One pass over a unit: from what is found to records, windows and a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backends.contract import Evidence, RecordClass, Signs
from shredder.fingerprint.catalogue import PRIVATE_TOKEN, Catalogue
from shredder.fingerprint.confirm import Confirmer
from shredder.fingerprint.engine import Engine
from shredder.fingerprint.escapes import joined, unescaped
from shredder.fingerprint.labels import Labels
from shredder.fingerprint.order import SourceOrder
from shredder.fingerprint.phrases import Phrases
from shredder.fingerprint.probing import Probing, mark
from shredder.fingerprint.siphash import Offsets
from shredder.fingerprint.tokens import Mask
from shredder.fingerprint.verdict import enough, parted, verdict
from shredder.fingerprint.weighing import SPARSE_ENOUGH, Weighing


@dataclass(frozen=True, slots=True)
class Tools:
    """What all scans of a matcher share: the catalogue, and what looks things up in it."""

    catalogue: Catalogue
    engine: Engine
    phrases: Phrases | None  # None: there is nothing for it to find
    confirmer: Confirmer


class CatalogueScan:
    """See :class:`backends.contract.Scan`. Not for several threads at once."""

    def __init__(self, tools: Tools, *, promoted: bool = False) -> None:
        self._tools = tools
        self._catalogue = tools.catalogue
        self._promoted = promoted
        self._counts = np.zeros(len(RecordClass), np.int64)
        self._seen: Mask | None = None  # by record, made at the first hit
        self._hits = 0  # private tokens, each time they occur
        self._ids = self._persons = 0
        self._order = SourceOrder()
        self._probing = Probing(tools.catalogue, tools.engine)
        self._weighing = Weighing(tools.catalogue, tools.confirmer)
        traits = tools.catalogue.traits
        # Besides tokens there is something to look for, round them or by itself.
        self._closely = tools.phrases is not None or traits.value_columns > 0
        sparse = traits.number_density <= SPARSE_ENOUGH
        self._labels = Labels(traits.number_columns if sparse else ())

    def feed(self, block: bytes, ends: Sequence[int]) -> bytes:
        """Classify the records of a block; see the contract.

        Raises ValueError if `ends` does not part the block: a mistake there would lose records.
        """
        stops = np.asarray(ends, dtype=np.int64)
        size = int(stops[-1]) if stops.size else 0
        if size != len(block) or (stops.size and stops[0] < 0) or (stops[1:] < stops[:-1]).any():
            raise ValueError("ends must ascend to the length of the block")
        engine = self._tools.engine
        held, cuts = engine.windows(block, stops)
        classes = _HELD[held.view(np.uint8)]
        if cuts.size:
            block, stops = _parted(block, stops, cuts)
        marked = engine.marks(block)
        forms = unescaped(block, stops, numbers=bool(self._catalogue.widths), marked=marked)
        if forms and (self._closely or engine.find(b"".join(more for _, more in forms))[0].size):
            block, stops = joined(block, stops, forms)
        places, rows = engine.find(block)
        if places.size or self._closely:
            self._classify(block, stops, classes, places, rows)
        self._counts += np.bincount(classes, minlength=len(RecordClass))
        return classes.tobytes()

    def _classify(
        self,
        block: bytes,
        stops: Offsets,
        classes: npt.NDArray[np.uint8],
        places: Offsets,
        rows: Offsets,
    ) -> None:
        windows = np.searchsorted(stops, places, side="right")
        private = self._catalogue.roles[rows] == PRIVATE_TOKEN
        persons = ~private
        self._persons += np.unique(windows[persons]).size
        classes[windows[persons]] = RecordClass.PERSON
        classes[windows[private]] = RecordClass.RECORD
        if private.any():
            # What a window says twice, or in two forms, is counted once.
            size = self._catalogue.hashes.size
            self._count(np.unique(windows[private] * size + rows[private]) % size)
        self._ids += np.unique(windows[private]).size
        named = windows[:0], rows[:0]
        if self._closely:
            found = self._tools.phrases.find(block, stops) if self._tools.phrases else None
            labelled = self._labels.find(block, stops)
            weighed = self._weighing.weigh(
                block,
                stops,
                classes,
                (windows[persons], places[persons], rows[persons]),
                found,
                labelled,
            )
            classes[weighed.certain] = RecordClass.RECORD
            classes[weighed.traces] = RecordClass.RECORD if self._promoted else RecordClass.TRACE
            if found is not None:
                named = found.names.windows, found.names.rows
        self._follow(classes, (windows[persons], rows[persons]), named)

    def _follow(
        self,
        classes: npt.NDArray[np.uint8],
        persons: tuple[Offsets, Offsets],
        names: tuple[Offsets, Offsets],
    ) -> None:
        """Follow the persons of windows that hold no more than one, or a name, in order."""
        windows = np.concatenate((persons[0], names[0]))
        table = self._catalogue.names.records
        records = np.concatenate((self._catalogue.records[persons[1]], table[names[1]]))
        # A person's token tells better than a name who it is.
        by_name = np.repeat([False, True], [persons[0].size, names[0].size])
        alone = np.isin(classes[windows], (RecordClass.PERSON, RecordClass.FOREIGN))
        windows, records, by_name = windows[alone], records[alone], by_name[alone]
        if windows.size:
            order = np.lexsort((by_name, windows))
            _, first = np.unique(windows[order], return_index=True)
            self._order.feed(records[order][first])

    def probe(self, block: bytes) -> None:
        """Look for records in bytes without delimiters; see the contract."""
        self._probing.take(block)

    def _count(self, rows: Offsets) -> None:
        """Mark the records that have the tokens at `rows` and at equal ones after them."""
        if self._seen is None:
            self._seen = np.zeros(self._catalogue.report.records, np.bool_)
        self._hits += rows.size
        mark(self._seen, self._catalogue.hashes, self._catalogue.records, rows)

    def evidence(self) -> Evidence:
        """Sum up all that was fed.

        `records`: a token of several records shows as many of them as it occurs, not all.

        One private token makes a copy. A foreign token equals one of n keyed 64-bit hashes by
        chance with n / 2**64: a terabyte of text (some 3 * 10**10 tokens) against a million
        tokens gives 0.002 false hits.
        """
        probed = self._probing.sum()
        foreign, matched, person, blank, trace = (int(n) for n in self._counts)
        weighing = self._weighing
        sums = weighing.sums
        sums.certain = (0 if self._promoted else matched) + probed.certain
        sums.persons, sums.persons_probed = person, probed.found - probed.certain
        sums.windows = foreign + matched + person + trace
        sums.in_order = max(self._order.longest, probed.in_order)
        density = self._catalogue.traits.number_density
        together = enough(sums, density)
        counts = self._promoted or (trace > 0 and together and parted(sums, density))
        if counts:
            matched, trace = matched + trace, 0
        masks = [mask for mask in (self._seen, probed.seen) if mask is not None]
        seen = np.logical_or.reduce(masks) if masks else None
        found = 0 if seen is None else int(np.count_nonzero(seen))
        return Evidence(
            windows=foreign + matched + person + blank + trace,
            matched=matched,
            records=min(found, self._hits + probed.certain) + weighing.records(seen, traces=counts),
            person=person,
            foreign=foreign,
            blank=blank,
            verdict=verdict(sums, together=together, counts=counts and matched > 0),
            trace=trace,
            promoted=counts,
            signs=Signs(
                ids=self._ids,
                persons=self._persons,
                names=sums.names,
                passages=weighing.passages,
                values=weighing.values,
                probed=probed.found,
            ),
        )


def _parted(block: bytes, ends: Offsets, cuts: Offsets) -> tuple[bytes, Offsets]:
    """Set a byte between windows that part a token, which is then two; shift the ends by it."""
    # A window's end moves with the byte set before it: what starts at `ends` starts after both.
    shifted = ends + np.searchsorted(cuts, ends, side="right")
    return np.insert(np.frombuffer(block, np.uint8), cuts, 0).tobytes(), shifted


_HELD = np.array([RecordClass.BLANK, RecordClass.FOREIGN], np.uint8)
