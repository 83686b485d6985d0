"""The page at `/`, which lives on `/events`: one document, with its style and script in it."""
