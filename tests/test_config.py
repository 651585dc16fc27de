"""The settings: what is understood, what is refused, and that every mistake is told at once."""

import dataclasses
import re
from pathlib import Path

import pytest

from config import (
    VARIABLES,
    ChecksumMode,
    MediaKind,
    ServerSideEncryption,
    StorageEngine,
    WorkerRole,
    load_settings,
)
from errors import ConfigError

DOCUMENTED = Path(__file__).parent.parent / "docs" / "configuration.md"
BUCKET = {"IMMICH_STORAGE_ENGINE": "s3", "S3_BUCKET": "photos"}


def problems(**environ: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_settings(environ)
    return list(caught.value.problems)


def test_an_empty_environment_is_a_server_on_this_machine() -> None:
    settings = load_settings({})
    assert (settings.host, settings.port) == ("127.0.0.1", 2283)
    assert settings.media_location == Path("data/media").absolute()
    assert settings.staging_location == Path("data/media/.staging").absolute()
    assert settings.database_url.database == str(Path("data/bucketroll.db").absolute())
    assert settings.roles == {WorkerRole.API, WorkerRole.MICROSERVICES}
    assert set(settings.engines.values()) == {StorageEngine.LOCAL}
    assert settings.s3 is None


def test_an_empty_variable_is_not_set() -> None:
    assert load_settings({"IMMICH_PORT": "", "DB_URL": "", "S3_BUCKET": ""}) == load_settings({})


def test_settings_are_frozen() -> None:
    settings = load_settings(BUCKET)
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.port = 1  # type: ignore[misc]  # what the test is about
    with pytest.raises(TypeError):
        settings.engines[MediaKind.ORIGINALS] = StorageEngine.LOCAL  # type: ignore[index]  # likewise


def test_every_mistake_is_reported_at_once_with_its_name_and_what_it_wants() -> None:
    found = problems(
        IMMICH_PORT="70000",
        IMMICH_STORAGE_ENGINE="floppy",
        DB_URL="mysql://host/db",
        S3_USE_ACCELERATE="maybe",
        S3_BUKCET="photos",
    )
    assert [problem.split()[0] for problem in found] == [
        "S3_BUKCET", "IMMICH_PORT", "DB_URL", "IMMICH_STORAGE_ENGINE", "S3_USE_ACCELERATE",
    ]  # fmt: skip
    assert "S3_BUKCET is not a setting of Bucketroll; did you mean S3_BUCKET?" in found
    assert "IMMICH_PORT wants a port number from 1 to 65535; '70000' is not that." in found
    assert "IMMICH_STORAGE_ENGINE wants `local` or `s3`; 'floppy' is not that." in found


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        *(("IMMICH_PORT", text) for text in ("0", "65536", "-1", "+80", "2283.0", "٣", "port", " 80")),
        *(("IMMICH_LOG_LEVEL", text) for text in ("LOG", "info")),
        *(("IMMICH_WORKERS_INCLUDE", text) for text in ("web", ",", "api microservices")),
        *(("IMMICH_TRUSTED_PROXIES", text) for text in ("proxy.example", "10.0.0.0/33", "*")),
        *(("IMMICH_IGNORE_MOUNT_CHECK_ERRORS", text) for text in ("yes", "1")),
        *(("DB_URL", text) for text in ("data.db", "sqlite://", "sqlite:///:memory:", "mysql://h/d",
                                        "postgresql://h:port/d")),
        *(("REDIS_URL", text) for text in ("localhost:6379", "http://localhost")),
        *(("STORAGE_ENGINE_THUMBNAILS", text) for text in ("disk", "S3")),
        *(("S3_BUCKET", text) for text in ("a/b", "..", "fotos é", "s3://photos", "x")),
        *(("S3_PREFIX", text) for text in ("a/../b", "a//b", ".", "a\\b", "a\nb")),
        *(("S3_ENDPOINT", text) for text in ("s3.example", "ftp://s3.example", "http://h:99999", "http://[::1",
                                             "https://h/bucket", "https://h/?x=1", "https://key:secret@h")),
        ("S3_PUBLIC_ENDPOINT", "photos.example"),
        ("S3_FORCE_PATH_STYLE", "on"),
        *(("S3_SSE", text) for text in ("aes256", "aws:kms")),
        ("S3_CHECKSUMS", "never"),
        *(("WEB_PROCESSES", text) for text in ("0", "65")),
        *(("WEB_THREADS", text) for text in ("0", "257")),
        *(("WORKER_THREADS", text) for text in ("0", "all")),
        *(("STAGING_CACHE_BYTES", text) for text in ("-1", "4G")),
        ("FULLSIZE_IMAGES", "1"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused(name: str, wrong: str) -> None:
    assert [problem.split(" wants ")[0] for problem in problems(**(BUCKET | {name: wrong}))] == [name]


@pytest.mark.parametrize(
    "name", ["S3_SECRET_KEY", "S3_BUCKET_FILE", "STORAGE_ENGINE_THUMBS", "IMMICH_STORAGE_ENGIN", "IMMICH_PROT",
             "IMMICH_WORKERS_EXCLUDE", "WEB_THREAD"],
)  # fmt: skip
def test_an_unknown_name_that_looks_like_ours_is_refused(name: str) -> None:
    assert [problem.split(" is ")[0] for problem in problems(**{name: "api"})] == [name]


@pytest.mark.parametrize("name", ["PATH", "AWS_PROFILE", "IMMICH_VERSION", "IMMICH_API_KEY", "DB_HOSTNAME",
                                  "REDIS_HOSTNAME", "WEB_CONCURRENCY"])  # fmt: skip
def test_names_of_others_are_left_alone(name: str) -> None:
    load_settings({name: "anything"})


def test_each_kind_of_media_may_have_an_engine_of_its_own() -> None:
    settings = load_settings(BUCKET | {"STORAGE_ENGINE_THUMBNAILS": "local"})
    assert settings.engines[MediaKind.THUMBNAILS] is StorageEngine.LOCAL
    assert settings.engines[MediaKind.ORIGINALS] is StorageEngine.S3


def test_one_kind_on_s3_is_enough_to_want_a_bucket() -> None:
    assert problems(STORAGE_ENGINE_BACKUPS="s3") == [
        "S3_BUCKET wants the name of the bucket; the s3 engine cannot do without."
    ]


def test_a_bucket_is_known_while_nothing_new_is_written_to_it() -> None:
    settings = load_settings({"S3_BUCKET": "photos"})
    assert settings.s3 is not None
    assert set(settings.engines.values()) == {StorageEngine.LOCAL}


def test_aws_is_the_default_store() -> None:
    s3 = load_settings(BUCKET).s3
    assert s3 is not None
    assert (s3.endpoint, s3.public_endpoint, s3.access_key_id) == (None, None, None)
    assert not s3.force_path_style
    assert s3.checksums is ChecksumMode.WHEN_SUPPORTED


def test_another_store_gets_path_style_and_only_required_checksums() -> None:
    s3 = load_settings(BUCKET | {"S3_ENDPOINT": "http://127.0.0.1:8333/"}).s3
    assert s3 is not None
    assert s3.endpoint == s3.public_endpoint == "http://127.0.0.1:8333"
    assert s3.force_path_style
    assert s3.checksums is ChecksumMode.WHEN_REQUIRED


def test_presigned_urls_may_be_for_another_endpoint() -> None:
    s3 = load_settings(BUCKET | {"S3_ENDPOINT": "http://s3:9000", "S3_PUBLIC_ENDPOINT": "https://s3.example"}).s3
    assert s3 is not None
    assert (s3.endpoint, s3.public_endpoint) == ("http://s3:9000", "https://s3.example")


@pytest.mark.parametrize(("text", "prefix"), [("", ""), ("/", ""), ("photos/", "photos"), ("/a/b c/", "a/b c")])
def test_a_prefix_is_a_folder_without_slashes_around_it(text: str, prefix: str) -> None:
    s3 = load_settings(BUCKET | {"S3_PREFIX": text}).s3
    assert s3 is not None
    assert s3.prefix == prefix


@pytest.mark.parametrize(("extra", "about"), [
    ({"S3_ACCESS_KEY_ID": "key"}, "S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY belong together"),
    ({"S3_SECRET_ACCESS_KEY": "secret"}, "S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY belong together"),
    ({"S3_SSE_KMS_KEY_ID": "key", "S3_SSE": "AES256"}, "S3_SSE_KMS_KEY_ID wants S3_SSE=KMS"),
    ({"S3_USE_ACCELERATE": "true", "S3_ENDPOINT": "http://h"}, "S3_USE_ACCELERATE wants AWS"),
    ({"S3_USE_ACCELERATE": "true", "S3_FORCE_PATH_STYLE": "true"}, "S3_USE_ACCELERATE wants AWS"),
])  # fmt: skip
def test_settings_that_contradict_each_other_are_refused(extra: dict[str, str], about: str) -> None:
    (problem,) = problems(**(BUCKET | extra))
    assert problem.startswith(about)


def test_encryption_with_a_key_of_yours() -> None:
    s3 = load_settings(BUCKET | {"S3_SSE": "KMS", "S3_SSE_KMS_KEY_ID": "alias/photos"}).s3
    assert s3 is not None
    assert (s3.sse, s3.sse_kms_key_id) == (ServerSideEncryption.KMS, "alias/photos")


@pytest.mark.parametrize("url", ["postgresql://u:p@h/d", "postgres://u:p@h/d", "postgresql+psycopg2://u:p@h/d"])
def test_postgresql_is_spoken_by_psycopg_3(url: str) -> None:
    assert load_settings({"DB_URL": url}).database_url.drivername == "postgresql+psycopg"


def test_a_database_file_has_a_folder_and_a_database_server_none() -> None:
    assert load_settings({"DB_URL": "sqlite:////srv/db/one.db"}).database_folders == (Path("/srv/db"),)
    assert load_settings({"DB_URL": "postgresql://h/d"}).database_folders == ()


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    secret, key = tmp_path / "secret", tmp_path / "key"
    secret.write_text("hidden\n")
    key.write_text("AKIA")
    files = {"S3_SECRET_ACCESS_KEY_FILE": str(secret), "S3_ACCESS_KEY_ID_FILE": str(key)}
    s3 = load_settings(BUCKET | files).s3
    assert s3 is not None
    assert (s3.access_key_id, s3.secret_access_key) == ("AKIA", "hidden")


def test_a_secret_file_that_cannot_be_read_is_a_mistake(tmp_path: Path) -> None:
    (problem,) = problems(DB_URL_FILE=str(tmp_path / "absent"))
    assert problem.startswith("DB_URL_FILE wants a readable file")


def test_a_secret_and_its_file_are_not_both_taken(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("redis://h")
    assert problems(REDIS_URL="redis://h", REDIS_URL_FILE=str(tmp_path / "url")) == [
        "REDIS_URL and REDIS_URL_FILE are both set; keep one of them."
    ]


def test_no_secret_shows_in_repr_or_in_a_mistake() -> None:
    settings = load_settings(BUCKET | {
        "S3_ACCESS_KEY_ID": "AKIA", "S3_SECRET_ACCESS_KEY": "hunter2", "REDIS_URL": "redis://:hunter2@h",
        "DB_URL": "postgresql://u:hunter2@h/d?password=hunter2",
    })  # fmt: skip
    assert "hunter2" not in f"{settings!r} {settings}"
    assert "hunter2" not in " ".join(problems(DB_URL="mysql://u:hunter2@h", REDIS_URL="http://:hunter2@h"))


def documented_rows() -> list[list[str]]:
    lines = re.findall(r"^\| `[A-Z].*\|$", DOCUMENTED.read_text(), re.MULTILINE)
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_the_documentation_names_every_variable_with_what_it_wants_and_its_default() -> None:
    rows = {row[0].strip("`"): row for row in documented_rows()}
    assert rows.keys() == {variable.name for variable in VARIABLES}
    for variable in VARIABLES:
        _, default, wants, _ = rows[variable.name]
        # The default that is not a constant is told within `wants`, in parentheses.
        assert wants == re.sub(r" \(default: .*\)", "", variable.wants), variable.name
        told = re.search(r" \(default: (.*)\)", variable.wants)
        expected = told.group(1) if told else f"`{variable.default}`" if variable.default else ""
        assert default == expected, variable.name


def test_the_documentation_names_the_secrets_that_may_lie_in_files() -> None:
    text = DOCUMENTED.read_text()
    assert all(f"`{variable.name}_FILE`" in text for variable in VARIABLES if variable.secret)
