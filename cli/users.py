"""`flask users`: list, create and let in again, also where nobody can sign in any more."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click
from flask.cli import AppGroup

from blueprints.http import current_system
from errors import AppError
from services import users
from services.emails import normal_email
from services.users import UserChanges

group = AppGroup("users", help="Who may sign in.")


class EmailType(click.ParamType[str]):
    """An e-mail address in its one spelling."""

    name = "email"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return normal_email(value)
        except ValueError as error:
            self.fail(f"{value!r}: {error}", param, ctx)


@group.command("list")
def list_users() -> None:
    """Show everyone, deleted users too."""
    for user in users.all_users(current_system(), with_deleted=True):
        marks = [name for name, holds in (("admin", user.is_admin), ("deleted", user.deleted_at)) if holds]
        click.echo("  ".join([user.email, user.name, *marks]))


@group.command("create")
@click.argument("email", type=EmailType())
@click.option("--name", default="", help="How others see the user (default: the address).")
@click.option("--admin", is_flag=True, help="May manage users and the server; the first user always may.")
def create(email: str, name: str, admin: bool) -> None:
    """Add a user; the password is asked for, or read from standard input."""
    system = current_system()
    name = name or email
    with _told():
        if users.is_initialized(system):
            users.create_user(system, email, UserChanges(name=name, password=_password(), is_admin=admin))
        else:
            users.sign_up_admin(system, email, _password(), name)
    click.echo(f"created {email}")


@group.command("reset-password")
@click.argument("email", type=EmailType())
def reset_password(email: str) -> None:
    """Set a new password and sign the user out everywhere; asked for, or read from standard input."""
    with _told():
        users.reset_password(current_system(), email, _password())
    click.echo(f"{email} has a new password and is signed out everywhere")


def _password() -> str:
    """Never an argument: other users of the machine can read those."""
    if sys.stdin.isatty():
        answer: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
        return answer
    return sys.stdin.readline().rstrip("\r\n")


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except AppError as error:
        raise click.ClickException(str(error)) from None
