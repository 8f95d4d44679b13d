"""The US food traceability rule (FSMA 204, 21 CFR 1 subpart S) and its neighbours, from EPCIS events.

told        an event as its reader sees it
history     events by the lot that they are about, on pallets too; what each lot began as
elements    the key data elements of each critical tracking event, and the columns they stand in
tracking    which critical tracking event an event is for a lot
case        one event for one lot;  finding  where each key data element of it stands
rows        the rows of a request, and what assigns a lot code
master      locations and products as their masters describe them (1.1310)
onestep     the same movements in the words of Regulation (EC) 178/2002 and of China's Food Safety Law
tables      all of it as sheets of text;  workbook  as XLSX
"""
