"""Painting films without flicker (Ruder, Dosovitskiy and Brox 2016).

- `flow`: the motion between two frames, and where it can be trusted.
- `cuts`: whether a scene ends between two frames.
- `history`: what the painted frames before a frame say about it.
- `painting`: `stylize_film`, a generator like `stylize`.

`nst_engine.film` reads and writes the files. OpenCV is imported when the first motion is estimated, never before.
"""
