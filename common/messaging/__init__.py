"""What goes through Redis: work, events for the dashboards, short answers, signs of life."""
