"""Tasks of code that exists: scikit-learn estimators, Lightning modules, ``transformers.Trainer``.

An adapter makes an object with the functions of a task of the kind ``function``. A file
``tasks/NAME.py`` calls it ``TASK``.
"""
