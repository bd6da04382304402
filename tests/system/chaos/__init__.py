"""Nothing lost: captioners with outboxes, parts that are killed, and a check of the whole history.

    outbox.py      what a browser keeps of captions that are not yet known to be saved (pure)
    tab.py         a browser tab: its outbox at work, over HTTP and Socket.IO, through the proxy
    captioner.py   a person at a tab: types, takes away, undoes, claims, crashes and comes back
    planner.py     somebody who queues chains of jobs, stops, resumes and retries them
    flood.py       many sign-ins at once
    proxy.py       the bad line between tabs and API: cuts and stalls connections
    killer.py      kills, stops and pauses parts of the running stack
    history.py     what happened, as an observer notes it; what the database holds at the end
    checker.py     whether the two agree (pure)
    stage.py       the running stack, its images and people
    story.py       all of it together
    everything/    every other kind of job and of accident beside it, with PostgreSQL, S3 and a GPU worker

`python -m tests.system.chaos --seconds 300 --seed 7` runs it alone; `--everything` with all that there is.
"""
