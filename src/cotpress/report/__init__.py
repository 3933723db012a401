"""What an evaluation shows: figures, tables and sentences on one page."""
