"""An analysis as plain values, for the shell and the API alike."""

from typing import Any

from cim.declare import Declared


def described(each: Declared) -> dict[str, Any]:
    """Name, titles, summary, and the parameters as JSON Schema."""
    return {
        "name": each.name,
        "title": each.title,
        "title_zh": each.title_zh,
        "summary": each.summary,
        "params": [
            {"name": param.name, "required": param.required, **param.json_schema()}
            for param in each.params
        ],
    }
