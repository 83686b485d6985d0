"""The measurements of `elect doctor`, and the findings that follow from them."""
