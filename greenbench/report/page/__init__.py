"""The report as one HTML file: the answer first, then what it stands on, every number traceable.

``contents.page`` puts it together, ``rendering`` makes the file of ``page.html``, ``page.css`` and
``page.js``, and ``saving`` writes it. The file is complete without its script, which sorts,
filters, greys out and copies.
"""
