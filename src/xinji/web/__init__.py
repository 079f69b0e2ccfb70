"""The HTTP application and the built page.

`app.py` puts the routes together, `call.py` is what a route gets (who asks, what was asked),
`listing.py` pages and exports, `changes.py` pushes, `routes/` one file a subject.
"""
