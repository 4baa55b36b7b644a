"""Where the studio works: photographs held in memory, one worker, and the page that shows them. The door is studio.py."""
