"""The page, and whether the server is alive."""

from flask import Blueprint, Response, jsonify, make_response, render_template, request

from webapp.city import served

pages = Blueprint("pages", __name__)

LANGUAGES = ("en", "zh")


@pages.get("/")
def index() -> Response:
    """The page, in the language asked for or else the browser's."""
    return _page("index.html")


@pages.get("/load")
def load_page() -> Response:
    """The page on which data are loaded."""
    return _page("load.html")


def _page(template: str) -> Response:
    lang = request.args.get("lang", "")
    if lang not in LANGUAGES:
        lang = request.accept_languages.best_match(LANGUAGES) or LANGUAGES[0]
    page = make_response(render_template(template, lang=lang, name=served().store.name))
    page.vary.add("Accept-Language")
    return page


@pages.get("/healthz")
def healthz() -> Response:
    """Alive, and the store can be read."""
    answer = jsonify(status="ok", version=served().store.version())
    answer.headers["Cache-Control"] = "no-store"
    return answer
