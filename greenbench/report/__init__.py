"""What a person sees: progress while it runs; answer, table and warnings at the end."""
