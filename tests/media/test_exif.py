"""Metadata: what cameras and sidecars say, in Immich's precedence, and nothing that breaks a database."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from xml.sax.saxutils import quoteattr

import pytest
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from media import tools
from media.dates import TakenAt
from media.exif import Metadata, read_metadata

SAMPLES = Path(__file__).parents[3] / "shared/samples"
ORIGINAL, DIGITIZED, SUBSEC, OFFSET = 0x9003, 0x9004, 0x9291, 0x9011


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]  # mypy takes tzinfo for a part


def jpeg(folder: Path, tags: Mapping[int, object] | None = None, exif_tags: Mapping[int, object] | None = None,
         gps: Mapping[int, object] | None = None, size: tuple[int, int] = (30, 20)) -> Path:
    """A JPEG with these EXIF tags."""
    exif = Image.Exif()
    exif.update(tags or {})
    exif.get_ifd(0x8769).update(exif_tags or {})
    exif.get_ifd(0x8825).update(gps or {})
    path = folder / "a.jpg"
    Image.new("RGB", size).save(path, exif=exif)
    return path


def xmp(folder: Path, **properties: str) -> Path:
    """A sidecar; `exif_ISO="100"` is the property `exif:ISO`."""
    namespaces = {"exif": "http://ns.adobe.com/exif/1.0/", "tiff": "http://ns.adobe.com/tiff/1.0/",
                  "xmp": "http://ns.adobe.com/xap/1.0/", "GPano": "http://ns.google.com/photos/1.0/panorama/",
                  "dc": "http://purl.org/dc/elements/1.1/"}
    attributes = " ".join(f'{name.replace("_", ":", 1)}={quoteattr(value)}' for name, value in properties.items())
    declared = " ".join(f'xmlns:{name}="{uri}"' for name, uri in namespaces.items())
    path = folder / "a.xmp"
    path.write_text(
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" {declared} {attributes}/></rdf:RDF></x:xmpmeta>'
    )
    return path


def test_a_camera_is_read(tmp_path: Path) -> None:
    path = jpeg(
        tmp_path,
        {0x10F: "Maker", 0x110: "Model 5", 0x10E: "A description"},
        {0x829A: IFDRational(1, 4000), 0x829D: IFDRational(71, 10), 0x920A: IFDRational(500, 1), 0x8827: 1000,
         0xA434: "A lens 100-500mm"},
    )
    known = read_metadata(path)
    assert (known.make, known.model, known.lens_model) == ("Maker", "Model 5", "A lens 100-500mm")
    assert (known.exposure_time, known.f_number, known.focal_length, known.iso) == ("1/4000", 7.1, 500, 1000)
    assert known.description == "A description"
    assert known.file_size == path.stat().st_size


def test_a_file_without_metadata_knows_its_size_alone(tmp_path: Path) -> None:
    known = read_metadata(jpeg(tmp_path))
    assert (known.width, known.height, known.taken_at) == (30, 20, None)
    assert (known.make, known.description, known.latitude, known.rating) == (None, "", None, None)


def test_a_date_without_a_zone_counts_as_utc(tmp_path: Path) -> None:
    taken = read_metadata(jpeg(tmp_path, exif_tags={ORIGINAL: "2022:03:31 11:31:56", SUBSEC: "18"})).taken_at
    assert taken is not None
    assert taken.moment == taken.local == at(2022, 3, 31, 11, 31, 56, 180_000)
    assert taken.zone is None


@pytest.mark.parametrize(("offset", "moment", "zone"), [
    ("-08:00", (2024, 1, 13, 5, 38, 53), "UTC-8"),
    ("+05:30", (2024, 1, 12, 16, 8, 53), "UTC+5:30"),
    ("+00:00", (2024, 1, 12, 21, 38, 53), "UTC+0"),
    ("Z", (2024, 1, 12, 21, 38, 53), "UTC+0"),
    ("+14:00", (2024, 1, 12, 7, 38, 53), "UTC+14"),
    ("+25:00", (2024, 1, 12, 21, 38, 53), None),
    ("nonsense", (2024, 1, 12, 21, 38, 53), None),
])
def test_the_zone_moves_the_moment_and_not_the_wall_clock(
    tmp_path: Path, offset: str, moment: tuple[int, ...], zone: str | None
) -> None:
    taken = read_metadata(jpeg(tmp_path, exif_tags={ORIGINAL: "2024:01:12 21:38:53", OFFSET: offset})).taken_at
    assert taken is not None
    assert (taken.moment, taken.zone) == (at(*moment), zone)
    assert taken.local == at(2024, 1, 12, 21, 38, 53)


def test_the_original_date_comes_before_the_digitized_one(tmp_path: Path) -> None:
    path = jpeg(tmp_path, exif_tags={ORIGINAL: "2001:01:01 00:00:00", DIGITIZED: "2002:02:02 00:00:00"})
    taken = read_metadata(path).taken_at
    assert taken is not None
    assert taken.moment == at(2001, 1, 1)


def test_a_date_that_is_none_lets_the_next_one_count(tmp_path: Path) -> None:
    path = jpeg(tmp_path, exif_tags={ORIGINAL: "0000:00:00 00:00:00", DIGITIZED: "2002:02:02 03:04:05"})
    taken = read_metadata(path).taken_at
    assert taken is not None
    assert taken.moment == at(2002, 2, 2, 3, 4, 5)


@pytest.mark.parametrize("text", ["0000-00-00T00:00:00", "0001-01-01T00:00:00", "9999-12-31T23:59:59",
                                  "2022-02-30T10:00:00", "2022-01-01T25:00:00", "yesterday", "    :  :     :  :  "])
def test_impossible_dates_are_none(tmp_path: Path, text: str) -> None:
    assert read_metadata(jpeg(tmp_path), xmp(tmp_path, exif_DateTimeOriginal=text)).taken_at is None


@pytest.mark.parametrize(("orientation", "size"), [(orientation, (30, 20) if orientation < 5 else (20, 30))
                                                   for orientation in range(1, 9)])
def test_width_and_height_are_those_after_orientation(
    tmp_path: Path, orientation: int, size: tuple[int, int]
) -> None:
    known = read_metadata(jpeg(tmp_path, {0x112: orientation}))
    assert (known.width, known.height) == size
    assert (known.exif_image_width, known.exif_image_height) == (30, 20)
    assert known.orientation == str(orientation)


def test_the_turned_avif_is_measured_as_it_is_shown(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x112] = 6
    Image.new("RGB", (30, 20)).save(tmp_path / "a.avif", exif=exif)
    known = read_metadata(tmp_path / "a.avif")
    assert (known.width, known.height) == (20, 30)


def test_a_position_has_its_signs(tmp_path: Path) -> None:
    degrees = (IFDRational(33, 1), IFDRational(30, 1), IFDRational(0, 1))
    known = read_metadata(jpeg(tmp_path, gps={1: "S", 2: degrees, 3: "W", 4: degrees}))
    assert (known.latitude, known.longitude) == (-33.5, -33.5)


@pytest.mark.parametrize(("latitude", "longitude"), [("0,0N", "0,0E"), ("91,0N", "10,0E"), ("10,0N", "181,0E"),
                                                     ("inf", "nan"), ("", "10,0E")])
def test_a_position_that_is_none_is_left_out(tmp_path: Path, latitude: str, longitude: str) -> None:
    known = read_metadata(jpeg(tmp_path), xmp(tmp_path, exif_GPSLatitude=latitude, exif_GPSLongitude=longitude))
    assert (known.latitude, known.longitude) == (None, None)


@pytest.mark.parametrize(("text", "rating"), [("5", 5), ("1", 1), ("0", None), ("-1", -1), ("6", None), ("x", None)])
def test_ratings_are_stars_or_a_rejection(tmp_path: Path, text: str, rating: int | None) -> None:
    assert read_metadata(jpeg(tmp_path), xmp(tmp_path, xmp_Rating=text)).rating == rating


def test_a_panorama_names_its_projection(tmp_path: Path) -> None:
    sidecar = xmp(tmp_path, GPano_ProjectionType="equirectangular")
    assert read_metadata(jpeg(tmp_path), sidecar).projection_type == "EQUIRECTANGULAR"


DENVER = {1: "N", 2: (IFDRational(39, 1), IFDRational(0, 1), IFDRational(0, 1)),
          3: "W", 4: (IFDRational(108, 1), IFDRational(0, 1), IFDRational(0, 1))}


def test_where_no_offset_is_known_the_place_tells_the_zone(tmp_path: Path) -> None:
    path = jpeg(tmp_path, exif_tags={ORIGINAL: "2025:12:01 11:30:00"}, gps=DENVER)
    assert read_metadata(path).taken_at == TakenAt(
        at(2025, 12, 1, 18, 30), at(2025, 12, 1, 11, 30), "America/Denver"
    )


def test_an_offset_counts_more_than_the_place(tmp_path: Path) -> None:
    path = jpeg(tmp_path, exif_tags={ORIGINAL: "2025:12:01 11:30:00", OFFSET: "+01:00"}, gps=DENVER)
    assert read_metadata(path).taken_at == TakenAt(at(2025, 12, 1, 10, 30), at(2025, 12, 1, 11, 30), "UTC+1")


def test_the_clock_of_the_satellites_is_shown_as_at_the_place(tmp_path: Path) -> None:
    clock = {7: (IFDRational(18, 1), IFDRational(30, 1), IFDRational(0, 1)), 29: "2025:12:01"}
    assert read_metadata(jpeg(tmp_path, gps=DENVER | clock)).taken_at == TakenAt(
        at(2025, 12, 1, 18, 30), at(2025, 12, 1, 11, 30), "America/Denver"
    )


def test_a_description_that_looks_like_a_number_stays_as_it_is(tmp_path: Path) -> None:
    known = read_metadata(jpeg(tmp_path), xmp(tmp_path, tiff_ImageDescription="1.50"))
    assert known.description == "1.50"


def test_an_empty_description_in_the_sidecar_counts(tmp_path: Path) -> None:
    known = read_metadata(jpeg(tmp_path, {0x10E: "from the camera"}), xmp(tmp_path, dc_description=""))
    assert known.description == ""


def test_the_sidecar_wins_and_leaves_the_rest(tmp_path: Path) -> None:
    path = jpeg(
        tmp_path, {0x10F: "Maker", 0x10E: "from the camera", 0x112: 6},
        {ORIGINAL: "2001:01:01 00:00:00", SUBSEC: "5", OFFSET: "+03:00"},
    )
    known = read_metadata(path, xmp(
        tmp_path, exif_DateTimeOriginal="2005-05-05T05:05:05-02:00", tiff_ImageDescription="from the sidecar",
        tiff_Orientation="1", xmp_Rating="4",
    ))
    assert known.taken_at is not None
    assert (known.taken_at.moment, known.taken_at.zone) == (at(2005, 5, 5, 7, 5, 5), "UTC-2")
    assert (known.description, known.rating, known.make) == ("from the sidecar", 4, "Maker")
    # The sidecar does not turn the pixels.
    assert (known.orientation, known.width) == ("6", 20)


def test_a_sidecar_that_is_no_sidecar_changes_nothing(tmp_path: Path) -> None:
    path = jpeg(tmp_path, {0x10F: "Maker"})
    (tmp_path / "a.xmp").write_bytes(b"\0\xff not xml <<<")
    assert read_metadata(path, tmp_path / "a.xmp").make == "Maker"


def test_absurd_numbers_are_left_out(tmp_path: Path) -> None:
    known = read_metadata(jpeg(tmp_path), xmp(
        tmp_path, exif_FNumber="1/0", exif_FocalLength="99999999999999/1", exif_ISOSpeedRatings="99999999999",
        exif_ExposureTime="-1/0",
    ))
    assert (known.f_number, known.focal_length, known.iso) == (None, None, None)


def test_text_is_such_as_a_database_takes(tmp_path: Path) -> None:
    path = jpeg(tmp_path, {0x10F: b"Ma\0ker\xff\xfe", 0x110: " \t "})
    known = read_metadata(path, xmp(tmp_path, tiff_ImageDescription="x" * 10_000_000))
    for text in (known.make, known.model, known.description):
        assert "\0" not in (text or "")
        (text or "").encode()
    assert (known.model, known.description) == (None, "")


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"II*\0" + b"\xff" * 50, bytes(range(256)) * 10])
def test_broken_files_know_little_and_are_no_error(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(data)
    assert read_metadata(tmp_path / "a.jpg").file_size == len(data)


def test_lenses_that_cannot_be_told_apart_are_named_by_the_first(tmp_path: Path) -> None:
    path = jpeg(tmp_path, {0x10F: "Canon", 0x110: "Canon EOS R5"})
    tools.run(["exiftool", "-q", "-overwrite_original", "-XMP-aux:LensID=61182",
               "-XMP-aux:LensInfo=100 500 undef undef", "-XMP-aux:Lens=RF100-500mm F4.5-7.1 L IS USM",
               path], timeout=20)
    assert read_metadata(path).lens_model == "Canon RF 100-500mm F4.5-7.1L IS USM"


@pytest.mark.skipif(not SAMPLES.exists(), reason="the sample photos are not there")
@pytest.mark.parametrize("path", sorted(SAMPLES.rglob("*.*")), ids=lambda path: path.name)
def test_the_samples_are_read(path: Path) -> None:
    known = read_metadata(path)
    assert isinstance(known, Metadata)
    assert path.suffix == ".xmp" or (known.width or 0) > 0


@pytest.mark.skipif(not SAMPLES.exists(), reason="the sample photos are not there")
def test_a_known_photo_is_read_as_immich_reads_it() -> None:
    known = read_metadata(SAMPLES / "nature/prairie_falcon.jpg")
    assert (known.make, known.model) == ("Canon", "Canon EOS R5")
    assert known.lens_model == "Canon RF 100-500mm F4.5-7.1L IS USM"
    assert known.taken_at is not None
    assert known.taken_at.moment == at(2022, 3, 31, 11, 31, 56, 180_000)
    assert (known.taken_at.zone, known.orientation, known.rating) == (None, "1", None)
    assert (known.f_number, known.focal_length, known.iso, known.exposure_time) == (7.1, 500, 1000, "1/4000")
    assert (known.width, known.height, known.file_size) == (800, 533, 183725)
    assert known.description.startswith("Adult female prairie falcon")
