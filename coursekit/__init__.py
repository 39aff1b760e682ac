"""The models, data and grader of the course. Importing this loads no torch; import the part you need."""

__version__ = "0.1.0"
