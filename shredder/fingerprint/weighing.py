"""Windows by what stands in them together: passages, names, persons, numbers and plain values."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backends.contract import RecordClass
from shredder.fingerprint.catalogue import Catalogue, Table
from shredder.fingerprint.confirm import Confirmer
from shredder.fingerprint.neighbours import (
    Anchors,
    Keys,
    beside,
    near,
    surroundings,
    together,
)
from shredder.fingerprint.phrases import Found, Hits
from shredder.fingerprint.siphash import Offsets
from shredder.fingerprint.tokens import Mask
from shredder.fingerprint.verdict import Beside, Sums

# Passages of a record's text that its window must have, if nothing else is there: eleven words.
# What many say ("I have nothing to add at the moment, thank you") can be one record's alone.
_PASSAGES = 7
# Numbers lie so densely that those of another table would be taken for them: no label helps.
SPARSE_ENOUGH = 0.5
# So many windows are asked for plain values; then only while some are confirmed beyond chance.
_ASKED = 4096
_WORTH_ASKING = 0.01
_WINDOW, _RECORD = np.uint64(32), np.uint64(0xFFFFFFFF)
_UNDECIDED = (RecordClass.FOREIGN, RecordClass.PERSON, RecordClass.BLANK)

_FEW = 2  # names in a window that nothing fits; more are of several records

_NONE = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Weighed:
    """Windows of a block that are certain together, and that wait for the rest of the holding."""

    certain: Offsets
    traces: Offsets


class Marks:
    """Records that were seen; room for them is made at the first."""

    def __init__(self, records: int) -> None:
        self._records = records
        self.mask: Mask | None = None

    def add(self, keys: Keys) -> int:
        """Mark the records of some keys; return how many of them were not marked yet."""
        if not keys.size:
            return 0
        if self.mask is None:
            self.mask = np.zeros(self._records, np.bool_)
        records = np.unique((keys & _RECORD).astype(np.int64))
        new = int(np.count_nonzero(~self.mask[records]))
        self.mask[records] = True
        return new


class Weighing:
    """Weighs the windows of one scan, block by block.

    What is near each other is looked for within a block, which the reader cuts always the same.
    """

    def __init__(self, catalogue: Catalogue, confirmer: Confirmer) -> None:
        self._catalogue = catalogue
        self._confirmer = confirmer
        width = catalogue.traits.value_columns
        self.sums = Sums(Beside(width), Beside(width), Beside(width))
        self.passages = 0  # windows with one or more
        self.values = 0  # windows with values that are confirmed
        records = catalogue.report.records
        self._certain, self._traced = Marks(records), Marks(records)
        self._alone, self._owned, self._named = Marks(records), Marks(records), Marks(records)
        self._named_within = Marks(records)

    def weigh(
        self,
        block: bytes,
        stops: Offsets,
        classes: npt.NDArray[np.uint8],
        persons: tuple[Offsets, Offsets, Offsets],
        found: Found | None,
        labelled: Offsets,
    ) -> Weighed:
        """Weigh the windows of a block whose classes by tokens are known.

        `persons`: windows, places and first rows; `labelled`: where numbers stand under a label.
        """
        person = _anchors(self._catalogue.tokens, *persons)
        name = number = Anchors(_NONE, _NONE, _NONE)
        certain = texts = _NONE
        if found is not None:
            hits = found.names
            name = _anchors(self._catalogue.names, hits.windows, hits.ends, hits.rows)
            name = name.only(~_across(name, hits, found.whole))
            hits = found.numbers
            number = _anchors(self._catalogue.numbers, hits.windows, hits.ends, hits.rows)
            self.sums.names += np.unique(found.names.windows).size
            self.passages += np.unique(found.passages.windows).size
            texts, certain = self._texts(block, stops, classes, found, person, name)
            classes = _marked(classes, certain)
        traces = [texts]
        numbers = self._catalogue.traits.number_values
        fitting: set[int] = set()  # windows with a value of a record that they name
        for anchors, counted, without in (
            (person, self.sums.by_person, ()),
            (name, self.sums.by_name, ()),
            (number, self.sums.by_number, numbers),
        ):
            confirmed = self._ask(block, stops, classes, anchors, counted, without, fitting)
            # An address is asked about even where it has a text, for either may be too little.
            classes = _marked(classes, np.concatenate((confirmed, texts)))
            traces.append(confirmed)
        if found is not None and labelled.size:
            traces.append(self._labelled(block, stops, classes, found, labelled))
        return Weighed(certain, np.concatenate(traces))

    def records(self, seen: Mask | None, *, traces: bool) -> int:
        """Return how many records were found here that are not among those `seen`."""
        marked = (self._certain, self._traced) if traces else (self._certain,)
        masks = [marks.mask for marks in marked if marks.mask is not None]
        if not masks:
            return 0
        found = np.logical_or.reduce(masks)
        return int(np.count_nonzero(found & ~seen if seen is not None else found))

    def _texts(
        self,
        block: bytes,
        stops: Offsets,
        classes: npt.NDArray[np.uint8],
        found: Found,
        person: Anchors,
        name: Anchors,
    ) -> tuple[Offsets, Offsets]:
        """Return windows with traces of texts, and those that are certain by them."""
        hits = found.passages
        passages = _anchors(self._catalogue.passages, hits.windows, hits.ends, hits.rows)
        enough = self._enough(block, stops, found)
        owned = np.unique(passages.only(beside(passages, person)).keys)
        owned = owned[
            np.isin(owned, person.keys)
            | ~self._others(block, stops, (owned >> _WINDOW).astype(np.int64))
        ]
        named = np.unique(passages.only(beside(passages, name)).keys)
        named = named[~self._others(block, stops, (named >> _WINDOW).astype(np.int64))]
        sums, texts = self.sums, self._catalogue.texts
        sums.persons_with_text += _places(person, texts)
        sums.names_with_text += _places(name, texts)
        sums.owned += self._owned.add(owned)
        sums.named += self._named.add(named)
        sums.named_within += self._named_within.add(named[np.isin(named, name.keys)])
        records = max(1, self._catalogue.report.records)
        sums.named_chance += _meetings(passages, name) / records
        sums.named_risk += _strays(passages, name, named) / records
        certain = self._open(classes, np.intersect1d(owned, enough), certain=True)
        free = _marked(classes, certain)
        alone = enough[np.isin(_classes_of(free, enough), _UNDECIDED)]
        sums.texts += self._alone.add(alone)
        traces = self._open(free, np.unique(np.concatenate((enough, owned, named))))
        return traces, certain

    def _others(self, block: bytes, stops: Offsets, windows: Offsets) -> Mask:
        """Tell of windows whether they have an address or an identifier of their own."""
        starts = np.where(windows > 0, stops[windows - 1], 0).tolist()
        ends = stops[windows].tolist()
        return np.array(
            [
                self._confirmer.belongs_to_others(block[start:end])
                for start, end in zip(starts, ends, strict=True)
            ],
            np.bool_,
        )

    def _enough(self, block: bytes, stops: Offsets, found: Found) -> Keys:
        """Return which windows have enough passages of which records."""
        hits = found.passages
        once = np.unique(np.stack((hits.windows, hits.rows)), axis=1)
        keys, counts = np.unique(
            _keys_of_all(self._catalogue.passages, once[0], once[1]), return_counts=True
        )
        enough = together(keys, counts) >= _PASSAGES
        # A row beside the record's own may say in part what the record says.
        few = enough & (counts < _PASSAGES)
        enough[few] = ~self._others(block, stops, (keys[few] >> _WINDOW).astype(np.int64))
        return np.asarray(keys[enough])

    def _open(
        self, classes: npt.NDArray[np.uint8], keys: Keys, *, certain: bool = False
    ) -> Offsets:
        """Return the windows of some keys that are not records yet; remember their records."""
        windows = (keys >> _WINDOW).astype(np.int64)
        free = classes[windows] != RecordClass.RECORD
        (self._certain if certain else self._traced).add(keys[free])
        return np.unique(windows[free])

    def _ask(
        self,
        block: bytes,
        stops: Offsets,
        classes: npt.NDArray[np.uint8],
        anchors: Anchors,
        beside: Beside,
        without: tuple[int, ...],
        fitting: set[int],
    ) -> Offsets:
        """Ask round anchors for the values of their records; return the windows that confirm."""
        if not self._catalogue.traits.value_columns or not anchors.windows.size:
            return _NONE
        taken = np.unique(anchors.windows)
        free = ~np.isin(classes[anchors.windows], (RecordClass.RECORD, RecordClass.TRACE))
        confirmed: list[int] = []
        misfits: list[tuple[int, float]] = []
        person = beside is self.sums.by_person
        for found in surroundings(block, stops, anchors.only(free), taken, addressed=person):
            window = found.window
            if beside.rows >= _ASKED and beside.traces < beside.rows * _WORTH_ASKING:
                beside.add(None)
                beside.unasked += 1
                continue
            if not person and self._confirmer.belongs_to_others(found.beyond or found.text):
                continue
            answer = self._confirmer.ask(found.text, found.beyond, found.records, without)
            beside.add(answer)
            if answer is not None and answer.fits.any():
                fitting.add(window)
            elif answer is not None:
                misfits.append((window, answer.by_chance))
            if answer is not None and answer.record >= 0:
                confirmed.append(window)
                self._traced.add(np.array([answer.record], np.uint64))
        # Of one record's window whose values fit one name, another ("White" is none) says nothing.
        asked = Counter(window for window, _ in misfits)
        beside.risk += sum(
            risk for window, risk in misfits if window not in fitting or asked[window] > _FEW
        )
        windows = np.unique(np.array(confirmed, np.int64))
        self.values += windows.size
        return windows

    def _labelled(
        self,
        block: bytes,
        stops: Offsets,
        classes: npt.NDArray[np.uint8],
        found: Found,
        labelled: Offsets,
    ) -> Offsets:
        """Return the windows in which a known number stands under the name of its column."""
        self.sums.under_label += labelled.size
        known = np.isin(found.numbers.ends, labelled)
        known[known] = ~self._others(block, stops, found.numbers.windows[known])
        keys = _keys(
            self._catalogue.numbers, found.numbers.windows[known], found.numbers.rows[known]
        )
        self.sums.labelled += np.unique(found.numbers.windows[known]).size
        windows = (keys >> _WINDOW).astype(np.int64)
        free = ~np.isin(classes[windows], (RecordClass.RECORD, RecordClass.TRACE))
        self._traced.add(keys)
        only = np.unique(windows[free])
        self.sums.only_labelled += only.size
        self.values += only.size
        return only


def _keys(table: Table, windows: Offsets, rows: Offsets) -> Keys:
    """Return each window with each record that one of its hits may stand for, once."""
    return np.unique(_keys_of_all(table, windows, rows))


def _keys_of_all(table: Table, windows: Offsets, rows: Offsets) -> Keys:
    return _anchors(table, windows, windows, rows).keys


def _anchors(table: Table, windows: Offsets, places: Offsets, rows: Offsets) -> Anchors:
    """Return each hit once for each record that it may stand for."""
    if not rows.size:
        return Anchors(_NONE, _NONE, _NONE)
    sizes = np.searchsorted(table.hashes, table.hashes[rows], side="right") - rows
    before = np.cumsum(sizes) - sizes
    every = np.repeat(rows - before, sizes) + np.arange(int(sizes.sum()))
    records = table.records[every].astype(np.int64)
    return Anchors(np.repeat(windows, sizes), np.repeat(places, sizes), records)


def _across(name: Anchors, hits: Hits, whole: Mask) -> Mask:
    """Tell which names begin in the row before, of windows that have a name of their own."""
    own = np.isin(name.windows, hits.windows[whole])
    return np.asarray(own & ~np.isin(name.places, hits.ends[whole]))


def _meetings(one: Anchors, other: Anchors) -> int:
    """Count the pairs of records that meet in a window, whether they are the same or not."""
    mine, theirs = (np.unique(a.keys) >> _WINDOW for a in (one, other))
    windows, counts = np.unique(theirs, return_counts=True)
    if not windows.size:
        return 0
    at = np.minimum(np.searchsorted(windows, mine), windows.size - 1)
    return int(counts[at][windows[at] == mine].sum())


def _strays(passages: Anchors, name: Anchors, named: Keys) -> int:
    """Count the records whose names are near passages that nobody named there has said."""
    _, first = np.unique(passages.keys, return_index=True)
    chosen = np.zeros(passages.windows.size, np.bool_)
    chosen[first] = ~np.isin(passages.keys[first], named)
    return int(near(passages.only(chosen), name).sum())


def _places(anchors: Anchors, texts: npt.NDArray[np.uint8]) -> int:
    """Count the places that point to a record with a text."""
    return int(np.unique(anchors.places[texts[anchors.records] > 0]).size)


def _classes_of(classes: npt.NDArray[np.uint8], keys: Keys) -> npt.NDArray[np.uint8]:
    """Return the class of each key's window."""
    return np.asarray(classes[(keys >> _WINDOW).astype(np.int64)])


def _marked(classes: npt.NDArray[np.uint8], windows: Offsets) -> npt.NDArray[np.uint8]:
    """Return the classes with some windows taken: nothing else is asked of these."""
    marked = classes.copy()
    marked[windows] = RecordClass.RECORD
    return marked
