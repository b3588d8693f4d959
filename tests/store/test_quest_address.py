"""Addresses of server stores: this machine only, no default password, no secret in a message."""

from __future__ import annotations

from pathlib import Path

import pytest

from tickcast.errors import ConfigError
from tickcast.store.quest_address import PASSWORD_VARIABLE, QuestAddress


def secret(folder: Path, text: str = "s3cret\n", mode: int = 0o600) -> Path:
    path = folder / "password"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_an_address_is_what_it_says_and_reads_back(tmp_path: Path) -> None:
    text = f"questdb://127.0.0.1:8813/main?http=9001&user=me&password={secret(tmp_path)}"
    address = QuestAddress.parse(text)
    assert (address.name, address.pg, address.http, address.user, address.password) == ("main", 8813, 9001, "me", "s3cret")
    assert QuestAddress.parse(str(address)) == address
    assert "s3cret" not in str(address) + repr(address)


def test_what_is_not_said_is_quests_own_and_the_password_comes_from_the_environment() -> None:
    address = QuestAddress.parse("questdb://localhost/main", {PASSWORD_VARIABLE: "s3cret"})
    assert (address.host, address.pg, address.http, address.user) == ("localhost", 8812, 9000, "tickcast")
    assert "s3cret" not in str(address)


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.1", "example.org", "127.0.0.1.example.org", "[::]"])
def test_another_machine_is_refused(host: str) -> None:
    with pytest.raises(ConfigError, match="not this machine"):
        QuestAddress.parse(f"questdb://{host}/main", {PASSWORD_VARIABLE: "s3cret"})


@pytest.mark.parametrize(("password", "told"), [("quest", "default password is refused"), ("", "empty password is refused")])
def test_the_default_password_is_refused(password: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        QuestAddress.parse("questdb://127.0.0.1/main", {PASSWORD_VARIABLE: password})


def test_a_password_that_others_may_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="others may read"):
        QuestAddress.parse(f"questdb://127.0.0.1/main?password={secret(tmp_path, mode=0o644)}")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("questdb://me:s3cret@127.0.0.1/main", "logs"),
        ("questdb://127.0.0.1/main?token=s3cret1", "no address"),
        ("questdb://127.0.0.1:port/main", "port"),
        ("questdb://127.0.0.1/main?http=x", "port"),
        ("questdb://127.0.0.1/", "no name of a dataset"),
        ("questdb://127.0.0.1/Main", "no name of a dataset"),
        ("questdb://127.0.0.1/a;drop", "no name of a dataset"),
        ("questdb://127.0.0.1/main?password=/no/such/file", "cannot be read"),
        ("questdb://127.0.0.1/a_b", "no name of a dataset"),
        ("questdb://me:s3c/s3cret@127.0.0.1/main", "logs"),
        ("questdb://me:s3c@s3cret@127.0.0.1/main", "logs"),
        ("questdb://me:s3c?s3cret@127.0.0.1/main", "logs"),
        ("questdb://127.0.0.1:x/main?password=s3cret", "port"),
        ("questdb://[::1/main?password=s3cret", "host"),
        ("questdb://127.0.0.1/main?passwd=s3cret", "no address"),
        ("questdb://127.0.0.1/main?password=s3cret", "cannot be read"),
    ],
)
def test_what_is_no_address_is_refused(text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told) as failure:
        QuestAddress.parse(text, {PASSWORD_VARIABLE: "x1"})
    assert "s3c" not in str(failure.value)


def test_no_password_at_all_is_refused() -> None:
    with pytest.raises(ConfigError, match="no password"):
        QuestAddress.parse("questdb://127.0.0.1/main", {})
