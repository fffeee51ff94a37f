"""Statistics: scores on resampled rows, paired comparisons, intervals, and combined uncertainty."""
