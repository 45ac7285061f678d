"""Formulas of rules and branches, as spreadsheets write them (docs of the API that runs are compatible with: "Formulas").

``extraction1.total = extraction1.price * extraction1.quantity``. Where the public documentation is silent, it is as in
spreadsheets: texts are compared without regard to case, numbers to fifteen digits. Operators and functions of single values
work on arrays value by value; ``SUM``, ``AND`` and their like take all values of all arguments together.
Everything is bounded: length, depth and the work of one formula.
"""
