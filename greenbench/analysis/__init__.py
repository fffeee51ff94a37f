"""What a set of variants says together: whether savings add up, whose they are, what to choose."""
