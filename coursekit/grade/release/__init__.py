"""Homework in the form in which students, nbgrader and Otter take it: `coursekit release`."""
