{{ canonical('order_line') }}
