"""What is said of the devices beneath a file system, by the shape that sysfs gives them.

The shapes are those of Linux' own drivers; a kernel in a test has few of these devices.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.fsops import devices

LEAF = "sys/devices/pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0/block/sda"
LV = "LVM-" + "a" * 64


def leaf(root: Path, place: str = LEAF, rotational: str = "1") -> Path:
    device = root / place
    (device / "queue").mkdir(parents=True)
    (device / "queue" / "rotational").write_text(f"{rotational}\n")
    return device


def mapped(root: Path, number: int, uuid: str, *below: Path) -> Path:
    device = root / f"sys/devices/virtual/block/dm-{number}"
    (device / "dm").mkdir(parents=True)
    (device / "dm" / "uuid").write_text(f"{uuid}\n")
    (device / "slaves").mkdir()
    for each in below:
        (device / "slaves" / each.name).symlink_to(each)
    return device


def test_a_disk_that_rotates_has_nothing_against_it(tmp_path: Path) -> None:
    assert devices.judged([leaf(tmp_path)]) == ((), ())


def test_a_partition_is_as_its_disk(tmp_path: Path) -> None:
    part = leaf(tmp_path, rotational="0") / "sda1"
    part.mkdir()
    (part / "partition").write_text("1\n")
    assert devices.judged([part]) == ((), ("flash-remaps-blocks",))


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("sys/devices/pci0000:00/0000:00:02.0/virtio1/block/vda", ((), ("virtual-disk",))),
        ("sys/devices/virtual/block/loop0", ((), ("virtual-disk",))),
        ("sys/devices/virtual/block/zd0", (("medium-unknown",), ())),  # a volume of ZFS
        ("sys/devices/virtual/block/ublkb0", (("medium-unknown",), ())),
        ("sys/devices/virtual/block/nbd0", (("network-device",), ())),
        ("sys/devices/platform/host4/session1/target4:0:0/block/sdb", (("network-device",), ())),
        ("sys/devices/virtual/nvme-fabrics/ctl/nvme0/nvme0n1", (("network-device",), ())),
        ("sys/devices/virtual/block/ram0", (("file-system-in-memory",), ())),
        ("sys/devices/virtual/block/zram0", (("file-system-in-memory",), ())),
    ],
)
def test_devices_are_told_by_their_place(
    tmp_path: Path, place: str, said: tuple[tuple[str, ...], tuple[str, ...]]
) -> None:
    assert devices.judged([leaf(tmp_path, place, "0")]) == said


def test_what_does_not_say_whether_it_rotates_is_unknown(tmp_path: Path) -> None:
    assert devices.judged([leaf(tmp_path, rotational="")]) == (("medium-unknown",), ())


def test_volumes_that_map_block_for_block_are_as_what_is_beneath(tmp_path: Path) -> None:
    crypt = mapped(tmp_path, 0, "CRYPT-LUKS2-abc-home", leaf(tmp_path))
    assert devices.judged([mapped(tmp_path, 1, LV, crypt)]) == ((), ())


@pytest.mark.parametrize(
    ("layer", "code"),
    [
        ("-real", "volume-has-snapshots"),
        ("-cow", "volume-has-snapshots"),
        ("-tpool", "thin-volume"),
        ("-corig", "medium-unknown"),  # of a cache, which keeps copies
    ],
)
def test_layers_of_a_volume_are_told(tmp_path: Path, layer: str, code: str) -> None:
    hidden = mapped(tmp_path, 0, LV + layer, leaf(tmp_path))
    assert devices.judged([mapped(tmp_path, 1, LV, hidden)]) == ((code,), ())


@pytest.mark.parametrize("uuid", ["", "custom-thing", "VDO-1234"])
def test_a_mapping_that_is_not_known_is_never_taken_for_plain(tmp_path: Path, uuid: str) -> None:
    obstacles, _ = devices.judged([mapped(tmp_path, 0, uuid, leaf(tmp_path))])
    assert obstacles == (("volume-deduplicates",) if "VDO" in uuid else ("medium-unknown",))


def test_a_cache_before_a_disk_is_unknown_and_a_raid_is_not(tmp_path: Path) -> None:
    disk = leaf(tmp_path)
    for name, said in (("bcache0", ("medium-unknown",)), ("md0", ())):
        device = tmp_path / "sys/devices/virtual/block" / name
        (device / "slaves").mkdir(parents=True)
        (device / "slaves" / disk.name).symlink_to(disk)
        assert devices.judged([device]) == (said, ())


@pytest.mark.parametrize(
    ("policy", "said"), [("resync", ()), ("bitmap", ()), ("journal", ("medium-unknown",))]
)
def test_a_raid_that_keeps_a_journal_of_content_is_unknown(
    tmp_path: Path, policy: str, said: tuple[str, ...]
) -> None:
    disk, device = leaf(tmp_path), tmp_path / "sys/devices/virtual/block/md0"
    for each in ("slaves", "md"):
        (device / each).mkdir(parents=True)
    (device / "slaves" / disk.name).symlink_to(disk)
    (device / "md" / "consistency_policy").write_text(f"{policy}\n")
    assert devices.judged([device]) == (said, ())


def test_no_device_at_all_is_unknown() -> None:
    assert devices.judged([]) == (("medium-unknown",), ())
