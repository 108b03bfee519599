"""Price bars: read from files (`reading`), judged (`judging`, for they are dirty), and stored (`storing`)."""
