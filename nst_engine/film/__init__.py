"""Films as files, without torch: reading any film that people have, and writing the painted one.

- `formats`: which bytes are a film, and the formats of results.
- `reading`: `probe` says what a file holds, `plan` which frames are painted, `read_frames` yields them one at a time.
- `writing`: `FilmWriter` takes the painted frames one at a time and copies the sound.

`nst_engine.motion` paints the frames. PyAV is imported when the first film is read or written, never before.
"""
