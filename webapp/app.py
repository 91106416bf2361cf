"""The app put together."""

from pathlib import Path

from flask import Flask

from webapp import errors, security, tiles, writing
from webapp.api import api
from webapp.city import ServedCity, Settings
from webapp.pages import pages
from webapp.series import series


def build(settings: Settings) -> Flask:
    """The app of one city, with everything it answers."""
    app = Flask("webapp", root_path=str(Path(__file__).parent))
    app.config["MAX_CONTENT_LENGTH"] = settings.max_upload
    app.json.sort_keys = False  # type: ignore[attr-defined]
    city = ServedCity(settings)
    if settings.location:
        app.extensions |= writing.install(city.store.folder, settings.max_upload)
        city.forget()
    app.extensions["cim"] = city
    errors.install(app)
    security.install(app)
    for part in (pages, api, series, writing.writing, tiles.tiles):
        app.register_blueprint(part)
    tiles.install(app, city)
    return app
