"""What a person sees: progress while it runs, a table and doubts at the end."""
