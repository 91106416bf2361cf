"""A made-up district modelled on Kaifeng, and the delivery files that describe it."""
