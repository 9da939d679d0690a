One cell to the left of the first: <+
