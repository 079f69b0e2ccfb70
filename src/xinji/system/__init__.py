"""What a system is: its declaration, how systems are found, checked and put together.

Read `declaration.py` first: every hook is a field of `System`, or a method of
`xinji.loop.service.Service`.
"""
