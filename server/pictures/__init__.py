"""Pictures that worlds start from: checked, and decoded where a hostile one can do no harm."""
