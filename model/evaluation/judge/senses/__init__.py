"""What the judge sees and hears with: instruments that are set on the truth."""
