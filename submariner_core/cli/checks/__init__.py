"""What ``submariner diagnose`` looks at. A check is a function that reads and changes nothing."""
