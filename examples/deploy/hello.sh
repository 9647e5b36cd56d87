#!/bin/sh
echo " _______"
echo "< hello >"
echo " -------"
