"""Generated methods as small trees: one tree is drawn, given its meaning, and written down in several languages."""
