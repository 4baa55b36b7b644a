"""What lessons/grade.py is made of. Read run.py first: a check is a function that raises AssertionError.

    sheet.py          a lesson's checks.py: found by number, read, looked over
    run.py            checks on a function, and what a student is told; untouched.py: nothing may change what checks compare with
    watch.py          starts child.py, the process in which a student's file runs, and watches its time
    refuse.py         what such a file may not contain, above all the library; limits.py: what its process may use
    report.py         the report, as text or JSON; whole_class.py: a table and a CSV file
    inputs.py         generated pictures that checks share; answers.py: for those who write checks
    miniature.py      Triton in miniature, for the kernel exercises; blocks.py, eager.py: parts of it
"""
