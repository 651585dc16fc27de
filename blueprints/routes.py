"""Which blueprints the application has."""

from flask import Flask

from blueprints import (
    account,
    admin,
    admin_users,
    album_pages,
    albums,
    api_keys,
    archive_addresses,
    asset_edits,
    assets,
    auth,
    downloads,
    empty_lists,
    faces,
    html,
    jobs,
    pages,
    people,
    preferences,
    profile_images,
    search,
    server,
    sessions,
    sign_in,
    timeline,
    trash,
    upload,
    users,
)


def register_blueprints(app: Flask) -> None:
    """Puts every route under its address; http.install has run before."""
    for module in (
        server,
        auth,
        users,
        profile_images,
        preferences,
        admin_users,
        api_keys,
        sessions,
        albums,
        assets,
        asset_edits,
        upload,
        downloads,
        archive_addresses,
        trash,
        jobs,
        timeline,
        search,
        people,
        faces,
        empty_lists,
    ):
        app.register_blueprint(module.bp)
    html.install(app, pages.bp, album_pages.bp, sign_in.bp, account.bp, admin.bp)
