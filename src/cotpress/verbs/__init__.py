"""The command line, one file per verb: open files, load plug-ins, call one stage, print a
summary.
"""
