"""Every kind of job and of accident at once: PostgreSQL, an S3 server, small disks, a worker whose clock jumps.

    parts.py       what stands beside the stack: S3 on a small disk, the line to it, a second set of workers
    store_line.py  the line between the service and its S3 server: slow, away, silent
    works.py       people who upload, train, import captions, delete, bring back, and search, all the time
    accidents.py   what happens, and how each is brought about
    estate.py      what the service holds afterwards: whole, named, once, and nothing left behind

`python -m tests.system.chaos --everything --seconds 600 --seed 7` runs it, with the captioners of the story.
"""
