"""The city information model: data dictionary, model, store and analyses."""

__version__ = "0.1.0"
