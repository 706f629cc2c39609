"""The pond: a side-view world of a paddle board on water that carries waves."""
